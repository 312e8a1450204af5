// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/ttrpc"

	"github.com/kata-containers/kata-agent/guest/components/cdh"
	"github.com/kata-containers/kata-agent/test/components"
)

const (
	attestationSocket = "/run/confidential-containers/attestation-agent/attestation-agent.sock"
	restAddress       = "127.0.0.1:8006"
)

func main() {
	if err := run(os.Args[0], os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves for ever. exe is the program's path.
func run(exe string, args []string) error {
	fmt.Println("starts with", strings.Join(args, " "))
	script := components.Script(exe + ".script")
	if status, exit := script.Start(); exit {
		os.Exit(status)
	}
	s := components.StandIn{
		Script: script,
		Die:    func() { os.Exit(7) },
		Called: func(method string) { fmt.Println("is asked:", method) },
	}
	dir := filepath.Dir(exe)
	switch name := filepath.Base(exe); name {
	case "attestation-agent":
		return serve(argument(args, "--attestation_sock", attestationSocket), &components.AttestationAgent{StandIn: s})
	case "confidential-data-hub":
		return serve(cdh.Socket, &components.Hub{StandIn: s, Dir: dir, Attestation: attestationSocket})
	case "api-server-rest":
		return rest(script.Bind(restAddress), argument(args, "--features", "all"))
	default:
		return fmt.Errorf("%s is the name of no component", name)
	}
}

// argument is what follows a flag, without a scheme.
func argument(args []string, flag, otherwise string) string {
	for i, a := range args {
		if a == flag && i+1 < len(args) {
			return strings.TrimPrefix(args[i+1], "unix://")
		}
	}
	return otherwise
}

func serve(socket string, standIn interface{ Server() (*ttrpc.Server, error) }) error {
	s, err := standIn.Server()
	if err != nil {
		return err
	}
	l, err := components.Listen(socket)
	if err != nil {
		return err
	}
	fmt.Println("listens on", socket)
	return s.Serve(context.Background(), l)
}

// rest offers resources and tokens to containers.
func rest(address, features string) error {
	hub := cdh.New(cdh.Options{})
	has := func(feature string) bool { return features == "all" || features == feature }
	mux := http.NewServeMux()
	if has("resource") {
		mux.HandleFunc("GET /cdh/resource/", func(w http.ResponseWriter, q *http.Request) {
			data, err := hub.GetResource(q.Context(), "kbs:///"+strings.TrimPrefix(q.URL.Path, "/cdh/resource/"))
			answer(w, data, err)
		})
	}
	if has("attestation") {
		mux.HandleFunc("GET /aa/token", func(w http.ResponseWriter, q *http.Request) {
			answer(w, []byte("a token"), components.Attest(q.Context(), attestationSocket))
		})
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("listens on", l.Addr(), "with", features)
	return (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(l)
}

func answer(w http.ResponseWriter, data []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(data)
}
