// Makes dist/: the script and the style under names that change with their content (nginx lets browsers keep them), and
// index.html with the page already rendered, so that it is there before the script is.
import { build } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

const shared = {
  bundle: true,
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
};

export async function render() {
  await build({
    ...shared, entryPoints: ["src/server.jsx"], platform: "node", format: "esm", packages: "external",
    outfile: ".server/page.mjs",
  });
  return (await import("./.server/page.mjs")).render();
}

async function main() {
  await rm("dist", { recursive: true, force: true });
  await mkdir("dist");
  const { metafile } = await build({
    ...shared, entryPoints: ["src/main.jsx"], format: "esm", minify: true, metafile: true,
    outdir: "dist/assets", entryNames: "[name]-[hash]",
  });
  const made = (suffix) => "/" + path.relative("dist", Object.keys(metafile.outputs).find((name) => name.endsWith(suffix)));
  const html = (await readFile("index.html", "utf8"))
    .replace("STYLE", made(".css"))
    .replace("SCRIPT", made(".js"))
    .replace("<!--page-->", await render());
  await writeFile("dist/index.html", html);
}

if (import.meta.url === `file://${process.argv[1]}`) {
  await main();
}
