// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/mdlayher/vsock"
)

// dial is "dial CID PORT".
func dial(args []string) error {
	if len(args) != 3 || args[0] != "dial" {
		return errors.New("usage: guest dial CID PORT")
	}
	cid, cidErr := strconv.ParseUint(args[1], 10, 32)
	port, portErr := strconv.ParseUint(args[2], 10, 32)
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
