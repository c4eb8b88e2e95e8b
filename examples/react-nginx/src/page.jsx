import { useState } from "react";

const steps = [
  { name: "npm ci", reads: ["package.json", "package-lock.json"] },
  { name: "npm run build", reads: ["index.html", "build.mjs", "src"] },
  { name: "nginx", reads: ["nginx.conf"] },
];

export function Page() {
  const [changed, setChanged] = useState("");
  const first = steps.findIndex((step) => step.reads.includes(changed));
  return (
    <main>
      <h1>What runs again?</h1>
      <label>
        When this changes:{" "}
        <select value={changed} onChange={(event) => setChanged(event.target.value)}>
          <option value="">nothing</option>
          {steps.flatMap((step) => step.reads).map((file) => <option key={file}>{file}</option>)}
        </select>
      </label>
      <ol>
        {steps.map((step, i) => (
          <li key={step.name} className={first >= 0 && i >= first ? "again" : "kept"}>{step.name}</li>
        ))}
      </ol>
    </main>
  );
}
