// SPDX-License-Identifier: Apache-2.0

// Package failpoint lets tests put faults before and after the steps of the agent (core.Step). It is
// only in builds with the tag failpoints; nothing of it is in a release.
//
// The points are named "<kind>.before" and "<kind>.after", with the kinds of core.StepKinds and
// hyphens in place of their spaces: "libcontainer-create.after". A test in the process of the steps
// sets them by Set. An agent of its own process reads the file that the variable
// KATA_AGENT_FAILPOINTS names, anew at each point, one line for each point that is set:
//
//	<point>=[<n>*]<action>[(<text>)]
//
// With n only the first n hits have the fault. Empty lines and those that begin with # are passed
// over. Each hit is appended to a file of the same name with ".hits" behind it, as a line of JSON.
//
//	error(text)  the step fails with the text
//	panic(text)  the step panics
//	block        the step stands still until its context has ended or the line is gone
//	stuck        the step stands still until the line is gone, as in a system call that hangs
//	cancel       the connection of the caller is closed; the step goes on when its context has ended
//	exit         the agent ends at once, as if killed
//
// The package must not import anything of the agent.
package failpoint
