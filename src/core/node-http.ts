/**
 * Node's HTTP, for what needs more of it than types. `import` of it reads all it exports, and one of these, `WebSocket`,
 * makes Node load its whole fetch: 6 MB of memory that nobody here uses.
 */
export const http = process.getBuiltinModule('node:http');
