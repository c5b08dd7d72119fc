// A git clean filter: a stack file without this clone's salt and encrypted credentials; it fails where they are in a shape it does not know.
// Plain CommonJS without dependencies: git runs it on every `git status` that finds the file changed.
const text = require("node:fs").readFileSync(0, "utf8");
const clean = text
  .replace(/^encryptionsalt:[^\n]*\n?/m, "")
  // What is indented further is the value's, on however many lines.
  .replace(/^( +)taiga:credentials:\s*\n(?:\1 +[^\n]*\n?)+/m, "");
if (/^\s*encryptionsalt|taiga:credentials/m.test(clean)) {
  process.stderr.write(
    "the stack file's encryptionsalt or taiga:credentials would be stored: write each as `pulumi config` does, on lines of its own\n",
  );
  process.exit(1);
}
process.stdout.write(clean);
