// Package v1beta1 gets the one name that Volcano 1.15 uses and volcano.sh/apis 1.14 lacks; the tests add this file to a copy of that module.
package v1beta1

// QueueAllocationGateKey names a scheduling gate, as docs/design/scheduling-gates-queue-admission.md of Volcano defines it.
const QueueAllocationGateKey = "scheduling.volcano.sh/queue-allocation-gate"
