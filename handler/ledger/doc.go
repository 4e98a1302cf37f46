// Package ledger is what the cluster keeps in Consul's KV: the keys, their
// values as JSON and every transaction of the protocol as a value. Words of the
// domain come in, port.Txn and decoded values go out. It decides nothing; the
// only state it keeps is a cache of decoded values by index.
package ledger
