/** The methods of the routes of this path; none if it does not exist. HEAD comes with GET. */
export function allowedMethods(routes: { method: string; path: string }[], pathname: string): string[] {
  const methods = new Set<string>();
  for (const { method, path } of routes) {
    if (!isAt(path.split("/"), pathname.split("/"))) continue;
    methods.add(method);
    if (method === "GET") methods.add("HEAD");
  }
  return [...methods].sort();
}

function isAt(pattern: string[], segments: string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, index) => {
    const segment = segments[index] as string;
    return part.startsWith(":") ? segment !== "" : part === segment;
  });
}
