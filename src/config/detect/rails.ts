import { at, type DetectedPart, emptyPart, type Look, nameOf, service } from "./part.ts";

export async function detectRails(look: Look): Promise<DetectedPart | null> {
  const gemfile = await look.files.read(at(look, "Gemfile"));
  const starts = (await look.files.read(at(look, "bin/rails"))) !== null;
  const listed = gemfile !== null && /^\s*gem\s*\(?\s*["']rails["']/m.test(gemfile);
  const configured = (await look.files.read(at(look, "config/application.rb"))) !== null;
  if (!(listed || starts) || !(starts || configured)) return null;
  const locked = (await look.files.read(at(look, "Gemfile.lock"))) !== null;
  const program = starts ? "bin/rails" : "bundle exec rails";
  const part = emptyPart();
  part.because.push(
    `${at(look, starts ? "bin/rails" : "config/application.rb")} is there, so this is Rails; its server gets the port as an argument.`,
  );
  part.because.push("Rails is told to accept the environment's host names, and a pid file that a killed server left is removed first.");
  part.because.push("Migrations are not run by themselves: the database may be one that environments share.");
  if (gemfile !== null)
    part.setup.push({
      run: "bundle install",
      inputs: [locked ? "Gemfile.lock" : "Gemfile"].map((name) => at(look, name)),
      directory: look.directory,
    });
  part.services.push(
    service({
      name: nameOf(look, "web"),
      run: `rm -f tmp/pids/server.pid && exec ${program} server -p $PORT -b 127.0.0.1`,
      directory: look.directory,
      role: look.directory !== "." && /^(api|backend|server)$/.test(nameOf(look, "web")) ? "api" : "pages",
      env: { RAILS_DEVELOPMENT_HOSTS: ".${{ env.host }}" },
    }),
  );
  return part;
}
