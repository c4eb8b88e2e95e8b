// Probe asks HTTP servers whether they are well: probe URL... prints a line for each and exits 1 when one is not.
// With -roots it says how many certificate authorities it trusts.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	roots := flag.String("roots", "", "count the certificates in this `file` and stop")
	timeout := flag.Duration("timeout", 5*time.Second, "how long a server may take")
	flag.Parse()

	if *roots != "" {
		count, err := countRoots(*roots)
		if err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
		fmt.Println(count, "certificates")
		return
	}
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	client := &http.Client{Timeout: *timeout}
	healthy := true
	for _, url := range flag.Args() {
		result := probe(client, url)
		fmt.Println(result)
		healthy = healthy && result.healthy()
	}
	if !healthy {
		os.Exit(1)
	}
}
