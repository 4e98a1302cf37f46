package haproxy

import "crypto/sha256"

// digest stands for a text.
type digest [sha256.Size]byte

func sum(texts ...[]byte) digest {
	h := sha256.New()
	for _, t := range texts {
		h.Write(t)
		h.Write([]byte{0})
	}
	return digest(h.Sum(nil))
}
