// tsx is registered here and not by an option in Pulumi.yaml: a language host of before 2024, such as the one built here, is
// deaf to those, and would check the types of the whole program, which takes seconds, at each run.
require("tsx/cjs");
delete Error.prepareStackTrace; // ts-node's, which knows no source maps but its own; Node has tsx's
module.exports = require("./index.ts");
