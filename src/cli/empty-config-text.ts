/** What `wt init` writes where it recognises nothing: valid as it is, and the example below it when its marks are taken away. */
export const emptyConfigText = `# worldtree: what runs in every environment of this repository.
# Take the marks away and fill in what starts your app; $PORT is another one in each environment.
services: {}

#services:
#  web:
#    run: ./serve --port $PORT
#    route: /                     # its place on the environment's URL
#  worker:
#    run: ./worker                # without a route it needs no port
#    port: none
#setup:
#  - { run: make deps, inputs: [deps.lock] }     # skipped while the inputs are unchanged
`;
