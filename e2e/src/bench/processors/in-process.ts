/** Does nothing, in the process of the service. */
export default { isolation: "none", run: () => null };
