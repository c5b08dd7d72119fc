/** Words that make a name a secret's wherever they stand in it, since names are glued together (PGPASSWORD, authtoken). */
const anywhere =
  /pass(word(?!less)|wd|phrase)|secret|token|credential|(api|private|access|signing|encryption)[-_.]?key/i;
/** Those that other words have in them too: between marks, or with a capital in a word (dbPwd). */
const alone = /(^|[^A-Za-z])(pass(code)?|pwd|salt|dsn)([^A-Za-z]|$)/i;
const aloneInCamelCase = /[a-z](Pass(code)?|Pwd|Salt|Dsn)([^a-z]|$)/;
/** Names that a value has in it: of lines `DB_PASSWORD=…`, of JSON, of YAML. */
const inner = /(?:^|[\s{,;&?])["']?([A-Za-z_][\w.-]*)["']?\s*[=:]\s*["']?[^\s"',}]/gm;
const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const password = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;
/** What a generator makes: one word, long, of letters and digits, without order. */
const word = /^(?=.*\d)(?=.*[A-Za-z])[A-Za-z0-9+_=-][A-Za-z0-9+/_=-]{23,}$/;
/** Bits a character: hexadecimal has four at most, English words in lower case about three. */
const random = 3.2;

/**
 * Whether a value should not be written where everybody reads it: its name says so (`…/db/password`, `DB_PASSWORD`), or it
 * is a private key, a URL with a password in it, or a long random word. One mistaken for a secret costs nothing but a setting.
 */
export function looksSecret(name: string, value: string): boolean {
  if (value === "") return false;
  if (isSecretName(name) || key.test(value) || password.test(value) || isRandom(value)) return true;
  return [...value.matchAll(inner)].some(([, each]) => isSecretName(each as string));
}

const isSecretName = (name: string): boolean =>
  anywhere.test(name) || alone.test(name) || aloneInCamelCase.test(name);

function isRandom(value: string): boolean {
  if (!word.test(value)) return false;
  const counts = new Map<string, number>();
  for (const letter of value) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const bits = [...counts.values()].map((count) => (count / value.length) * Math.log2(value.length / count));
  return bits.reduce((sum, each) => sum + each, 0) > random;
}
