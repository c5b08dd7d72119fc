// Stored by name in the state of each resource. Installed as a copy in node_modules, where the engine takes a module by
// its name rather than by its value; the code itself is always that of the checkout.
require("tsx/cjs");
require("../../provider/end-with-engine.ts");
const { shownPlainly } = require("../../provider/failures.ts");
module.exports = shownPlainly(require("../../provider/etcd/prefix-provider.ts"));
