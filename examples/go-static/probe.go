package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
)

// A result is what one server answered.
type result struct {
	url    string
	status int
	err    error
}

func (r result) healthy() bool {
	return r.err == nil && r.status >= 200 && r.status < 400
}

func (r result) String() string {
	if r.err != nil {
		return fmt.Sprintf("%s: %v", r.url, r.err)
	}
	return fmt.Sprintf("%s: %d %s", r.url, r.status, http.StatusText(r.status))
}

func probe(client *http.Client, url string) result {
	response, err := client.Get(url)
	if err != nil {
		return result{url: url, err: err}
	}
	response.Body.Close()
	return result{url: url, status: response.StatusCode}
}

// countRoots counts the certificates in a file that can be parsed.
func countRoots(name string) (int, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	count := 0
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return count, nil
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			count++
		}
	}
}
