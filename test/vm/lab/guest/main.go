// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kata-containers/kata-agent/test/vm/lab/wire"
)

func main() {
	var err error
	switch filepath.Base(os.Args[0]) {
	case "lab-helper":
		err = help()
	case "lab-standin":
		err = standIn()
	case "guest":
		err = tool(os.Args[1:])
	default:
		err = start()
	}
	if err != nil {
		// The console: a dead PID 1 panics the kernel, which ends the VM.
		fmt.Println("lab:", err)
		os.Exit(1)
	}
}

func readPlan() (wire.Plan, error) {
	var plan wire.Plan
	data, err := os.ReadFile(wire.PlanPath)
	if err == nil {
		err = json.Unmarshal(data, &plan)
	}
	return plan, err
}
