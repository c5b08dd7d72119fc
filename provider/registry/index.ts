export { Image, type ImageArgs } from "./image";
export { imageName } from "./name";
