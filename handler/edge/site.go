package edge

// Mode is what this node's Caddy does with the requests of an app.
type Mode string

// The four modes.
const (
	Serve Mode = "serve" // the app runs here: its own text
	Hold  Mode = "hold"  // the app is being switched here: requests wait
	Page  Mode = "page"  // somebody closed the app: the maintenance page
	Pass  Mode = "pass"  // the app has gone to Target: late requests follow it
)

// Site is what Caddy is to do for one app.
type Site struct {
	App       string
	Mode      Mode
	Addresses []string // with scheme, as Caddy is to be asked for them
	Text      string   // Caddyfile v2, complete in itself
	Standby   string   // Serve: what Text would be in mode Hold, to have it ready
	Target    string   // Pass: address of the new master
	Fields    Fields   // what it was made of, for State.With
}
