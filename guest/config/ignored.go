// SPDX-License-Identifier: Apache-2.0

package config

// ignored lists words that are known and have no effect on this agent, with
// the reason; they cause no warning.
var ignored = map[string]string{
	"agent.use_vsock":                      "The 1.x agent chose between vsock and a serial port; this agent listens on agent.server_addr.",
	"agent.aa_kbc_params":                  "Read by the attestation agent from the kernel command line.",
	"agent.image_registry_auth":            "Read by the image puller of the confidential data hub.",
	"agent.enable_signature_verification":  "Read by the image puller of the confidential data hub.",
	"agent.image_policy_file":              "Read by the image puller of the confidential data hub.",
	"agent.secure_image_storage_integrity": "Former name in the documentation of other guest components.",
}
