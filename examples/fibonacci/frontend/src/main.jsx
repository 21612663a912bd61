import { createRoot } from "react-dom/client";
import { App } from "./app.jsx";
import "./app.css";
import { accent } from "./theme.js";

document.documentElement.style.setProperty("--accent", accent);
document.title = `${__ENVIRONMENT__} · Fibonacci`;
createRoot(document.getElementById("root")).render(<App environment={__ENVIRONMENT__} />);
