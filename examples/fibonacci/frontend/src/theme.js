// How this branch looks.
export const accent = "#3b6fd4";
