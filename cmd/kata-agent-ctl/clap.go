// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// switches of connect that Kata's tool, by an accident of its argument parser, takes only with a
// value ("--ignore-errors 1"), while its manual shows them without. Here both forms work.
var switches = []string{"--ignore-errors", "--hybrid-vsock", "--no-auto-values", "-n", "--interactive", "-i"}

// clapArgs rewrites the arguments of "connect" into a form this program's parser knows: a switch
// and its value become one argument, and each word behind -c becomes a -c of its own, so that
// "-c A B -c C" runs A, B and C in this order.
func clapArgs(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd.Name() != "connect" {
		return args
	}
	var out []string
	named, commands := false, false // seen: the word connect; a -c
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return append(out, args[i:]...)
		case slices.Contains(switches, arg):
			if i+1 < len(args) && slices.Contains([]string{"0", "1", "true", "false"}, args[i+1]) {
				i++
				arg += "=" + args[i]
			}
			out = append(out, arg)
		case strings.HasPrefix(arg, "-") && takesNext(cmd, arg):
			commands = commands || arg == "-c" || arg == "--cmd"
			out = append(out, args[i:min(i+2, len(args))]...)
			i++
		case strings.HasPrefix(arg, "-") && arg != "-":
			out = append(out, arg)
		case !named:
			named = true
			out = append(out, arg)
		case commands:
			out = append(out, "--cmd="+arg)
		default:
			out = append(out, arg)
		}
	}
	return out
}

// takesNext reports whether the value of an option is the argument behind it.
func takesNext(cmd *cobra.Command, arg string) bool {
	var f *pflag.Flag
	switch name := strings.TrimLeft(arg, "-"); {
	case strings.Contains(arg, "="):
		return false
	case strings.HasPrefix(arg, "--"):
		f = cmd.Flag(name)
	case len(name) == 1:
		if f = cmd.Flags().ShorthandLookup(name); f == nil {
			f = cmd.InheritedFlags().ShorthandLookup(name)
		}
	}
	return f != nil && f.NoOptDefVal == ""
}
