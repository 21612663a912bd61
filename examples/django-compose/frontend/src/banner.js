export const banner = "assets of main";
