// Package buttervolume is the volumes, snapshots and schedules of a node
// behind Buttervolume's plugin. What comes in are the calls of port.Volumes,
// port.Snapshots and port.Schedules; what goes out are HTTP requests on the
// plugin's unix socket, of whichever generation it speaks, and btrfs commands
// that look at its folders. Every name is checked before anything is sent. It
// never changes a subvolume by itself and never repeats a call.
package buttervolume
