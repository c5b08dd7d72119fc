// Loaded by name from the state of each resource, so that what runs is always today's code.
require("tsx/cjs");
module.exports = require("./cluster/membership-provider.ts");
