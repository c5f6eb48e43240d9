/** The page of `GET /`: plain HTML that needs nothing but itself. Its links are relative, so they hold behind a prefix. */
export function welcomePage({ sentence, tryIt }: { sentence: string; tryIt: string }): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sate</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
pre { background: #8881; padding: 1rem; overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; } a { color: #8ab4f8; } }
</style>
</head>
<body>
<h1>Sate</h1>
<p>${escapeHtml(sentence)}</p>
<p>Try it:</p>
<pre>${escapeHtml(tryIt)}</pre>
<ul>
<li><a href="swagger">Every route, with examples</a> (<a href="swagger/json">OpenAPI</a>)</li>
<li><a href="requests">The newest requests</a></li>
<li><a href="ready">Is it ready?</a> · <a href="metrics">Metrics</a></li>
</ul>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
