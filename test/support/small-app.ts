/** A repository whose services start in a moment and need nothing installed. */
export const smallApp: Record<string, string> = {
  "wt.yaml": `project: small
setup:
  - { run: "echo prepared > prepared.txt", inputs: [input.txt] }
services:
  web: { run: exec node server.mjs, route: /, needs: [api] }
  api: { run: exec node server.mjs, route: /api, ready: /healthz }
  worker: { run: "exec node worker.mjs", needs: [api] }
`,
  ".gitignore": "prepared.txt\n",
  "input.txt": "1\n",
  "server.mjs": `import http from "node:http";
const label = process.env.WT_SERVICE + " of " + process.env.WT_ENVIRONMENT;
const server = http.createServer((request, response) => {
  console.log(request.method, request.url);
  if (request.url === "/crash") process.exit(3);
  response.setHeader("content-type", "text/plain");
  response.end(label + " " + request.url + " api=" + process.env.API_URL + "\\n");
});
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log("listening"));
`,
  "worker.mjs": `console.log("working for", process.env.WT_ENVIRONMENT);
setInterval(() => {}, 1 << 30);
`,
};
