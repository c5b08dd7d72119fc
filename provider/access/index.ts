export { Access, type AccessArgs, usersDigest } from "./access";
