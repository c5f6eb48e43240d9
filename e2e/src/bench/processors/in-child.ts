/** Does nothing, in a child process. */
export default { run: () => null };
