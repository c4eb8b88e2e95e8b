package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		status  int
		healthy bool
	}{{200, true}, {204, true}, {404, false}, {500, false}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
		}))
		got := probe(server.Client(), server.URL)
		server.Close()
		if got.healthy() != c.healthy {
			t.Errorf("status %d: healthy is %v (%v)", c.status, got.healthy(), got)
		}
	}
}

func TestProbeNoServer(t *testing.T) {
	if got := probe(http.DefaultClient, "http://127.0.0.1:1/"); got.healthy() || got.err == nil {
		t.Errorf("nothing listens there, and yet: %v", got)
	}
}
