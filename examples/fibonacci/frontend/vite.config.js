import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  define: { __ENVIRONMENT__: JSON.stringify(process.env.APP_NAME ?? "no name") },
});
