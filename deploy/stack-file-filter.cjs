// A git clean filter: a stack file without this clone's salt and encrypted credentials.
// Plain CommonJS without dependencies: git runs it on every `git status` that finds the file changed.
const text = require("node:fs").readFileSync(0, "utf8");
process.stdout.write(
  text.replace(/^encryptionsalt:.*\n/m, "").replace(/^ {2}taiga:credentials:\n {4}secure:.*\n/m, ""),
);
