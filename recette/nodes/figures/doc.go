// Package figures measures what an operator and his users feel of the handler,
// on the real nodes of fixtures/nodes/cluster: for how long nobody is served
// during a redeploy and a move, how long a move takes for small and large
// volumes, and what an idle agent costs. The same is done by hand, by the
// commands that a person would type, on the same nodes and in turn with the
// handler's runs, so that both meet the same machine.
//
// What comes in are [Options]; what goes out is [Book], every sample, and
// docs/FIGURES.md, which is nothing but that book in words. Nothing here is a
// test: a figure depends on the machine, so it never fails a build.
//
// Nothing stands between a handler and its neighbours here: agent and guard are
// started again without the relays that the recette strikes at. The client is
// a program on a third node, and asks the application's published port over
// the network: see [Watch] for the two outages that its answers give.
package figures
