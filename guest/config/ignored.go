// SPDX-License-Identifier: Apache-2.0

package config

// wordUseVsock is a switch of the 1.x agent, whose other way this agent does not have.
const wordUseVsock = "agent.use_vsock"

// warnFormer warns of a word that asks for what older agents did and this one does in another way.
func (l *loader) warnFormer(w word) {
	useVsock := true
	if w.key == wordUseVsock && (boolean{p: &useVsock}).set(w.value) == nil && !useVsock {
		l.warn(sourceCmdline, w.key, w.value, "no effect: this agent has no serial port; set agent.server_addr to say where it listens")
	}
}

// ignored lists words that are known and have no effect on this agent, with
// the reason; they cause no warning.
var ignored = map[string]string{
	wordUseVsock:                           "The 1.x agent chose between vsock and a serial port. False has a warning: there is no serial port, this agent listens on agent.server_addr.",
	"agent.aa_kbc_params":                  "Read by the attestation agent from the kernel command line.",
	"agent.image_registry_auth":            "Read by the image puller of the confidential data hub.",
	"agent.enable_signature_verification":  "Read by the image puller of the confidential data hub.",
	"agent.image_policy_file":              "Read by the image puller of the confidential data hub.",
	"agent.secure_image_storage_integrity": "Former name in the documentation of other guest components.",
}
