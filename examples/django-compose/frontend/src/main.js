import { banner } from "./banner.js";
import "./style.css";

const show = (text) => {
  document.querySelector("#banner").textContent = text;
};
show(banner);

async function countLetters() {
  const output = document.querySelector("output");
  output.textContent = "counting";
  const { task } = await (await fetch("/api/counts", { method: "POST" })).json();
  for (;;) {
    const { state, result } = await (await fetch(`/api/counts/${task}`)).json();
    if (state === "SUCCESS") {
      output.textContent = `${result.letters} letters in ${result.books} titles`;
      return;
    }
    await new Promise((next) => setTimeout(next, 200));
  }
}
document.querySelector("#count").addEventListener("click", countLetters);

// An edit of the banner changes the page in place.
if (import.meta.hot) import.meta.hot.accept("./banner.js", (changed) => show(changed.banner));
