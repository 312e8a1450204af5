// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/mdlayher/vsock"
)

// tool is the program as scripts call it.
func tool(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "dial":
		return dial(args[1], args[2])
	case len(args) == 2 && args[0] == "rootfs":
		return makeRootfs(args[1])
	}
	return errors.New("usage: guest dial CID PORT | guest rootfs DIRECTORY")
}

func dial(cidText, portText string) error {
	cid, cidErr := strconv.ParseUint(cidText, 10, 32)
	port, portErr := strconv.ParseUint(portText, 10, 32)
	if err := errors.Join(cidErr, portErr); err != nil {
		return err
	}
	conn, err := vsock.Dial(uint32(cid), uint32(port), nil)
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
