// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/mdlayher/vsock"
)

// tool is the program as scripts call it.
func tool(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "dial":
		return dial(args[1], args[2])
	case len(args) == 3 && args[0] == "probe":
		return probe(args[1], args[2])
	case len(args) == 2 && args[0] == "rootfs":
		return makeRootfs(args[1])
	}
	return errors.New("usage: guest dial CID PORT | probe CID PORT | rootfs DIRECTORY")
}

func connect(cidText, portText string) (*vsock.Conn, error) {
	cid, cidErr := strconv.ParseUint(cidText, 10, 32)
	port, portErr := strconv.ParseUint(portText, 10, 32)
	if err := errors.Join(cidErr, portErr); err != nil {
		return nil, err
	}
	return vsock.Dial(uint32(cid), uint32(port), nil)
}

// probe tells whether a port keeps a connection on which nobody speaks.
func probe(cid, port string) error {
	conn, err := connect(cid, port)
	if err != nil {
		fmt.Println("refused:", err)
		return nil
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(5 * time.Second)) // clock: a refusal comes within milliseconds
	switch _, err := conn.Read(make([]byte, 1)); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		fmt.Println("open")
	case err != nil:
		fmt.Println("closed")
	default:
		fmt.Println("speaking")
	}
	return nil
}

func dial(cid, port string) error {
	conn, err := connect(cid, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.Copy(conn, os.Stdin); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, conn)
	return err
}
