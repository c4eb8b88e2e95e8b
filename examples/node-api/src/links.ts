import { createHash } from "node:crypto";

// Short names for addresses. The name comes from the address, so the same address always has the same one.
export class Links {
  private readonly byName = new Map<string, string>();

  add(address: string): string {
    const url = new URL(address);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`not an address of the web: ${address}`);
    }
    const digest = createHash("sha256").update(url.href).digest("base64url");
    for (let length = 6; ; length++) {
      const name = digest.slice(0, length);
      const known = this.byName.get(name);
      if (known === undefined || known === url.href) {
        this.byName.set(name, url.href);
        return name;
      }
    }
  }

  get(name: string): string | undefined {
    return this.byName.get(name);
  }

  get size(): number {
    return this.byName.size;
  }
}
