/** etcd's default --max-txn-ops, for comparisons and for operations; also what is asked for at once of a range. */
export const mostKeys = 128;

/** etcd's default --max-request-bytes. A value that somebody else wrote may have as much. */
const requestBytes = 1.5 * 1024 * 1024;

/** Bytes of the values this stack writes in one request; the rest is room for the transaction around them. */
export const mostBytes = 1024 * 1024;

/** No answer of etcd to 128 reads has more bytes: each key and value came by a request; the rest is room for their revisions. */
export const answerBytes = (mostKeys + 1) * requestBytes;
