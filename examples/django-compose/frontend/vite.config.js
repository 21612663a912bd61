import { defineConfig } from "vite";

// Django serves the page; Vite serves what the page loads.
export default defineConfig({
  base: "/static/",
  appType: "custom",
  server: { port: 5173, strictPort: true },
});
