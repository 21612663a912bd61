// What is written beside a template's data.
import type { ManifestFile } from "../../os/file-manifest.ts";

export interface TemplateRecord {
  schema: 1;
  key: string;
  /** `PostgreSQL 15.18`. */
  version: string;
  major: number;
  createdAtMs: number;
  /** What was passed over or is worth knowing about its content. */
  notes: string[];
  bytes: number;
  files: ManifestFile[];
}
