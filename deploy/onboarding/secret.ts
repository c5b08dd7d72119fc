const secretName =
  /(^|[^a-z])(pass(word|wd|phrase|code)?|pwd|secrets?|tokens?|credentials?|salt|dsn|(api|private|secret|access|signing|encryption)[-_]?key)([^a-z]|$)/i;
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
  return secretName.test(name) || key.test(value) || password.test(value) || isRandom(value);
}

function isRandom(value: string): boolean {
  if (!word.test(value)) return false;
  const counts = new Map<string, number>();
  for (const letter of value) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  const bits = [...counts.values()].map((count) => (count / value.length) * Math.log2(value.length / count));
  return bits.reduce((sum, each) => sum + each, 0) > random;
}
