// SPDX-License-Identifier: Apache-2.0

// Package cdh calls the Confidential Data Hub, a program of the guest image that holds the
// guest's secrets: it unseals secrets, fetches resources and container images and mounts encrypted
// disks. The names are those of its API, which is in protocols/confidential_data_hub.proto and is
// spoken over ttRPC on a unix socket.
//
// Every call has a connection of its own. So there is nothing to hold while nobody calls, nothing
// to repair when the hub is started again, and the end of a call whose caller has given up is seen by
// the hub. A hub that was there once is waited for, within the limit of a call.
//
// It logs nothing, and no error holds a secret. It is the one package below guest that uses
// protocols: it is a client, and what it sends is what that package is for.
package cdh
