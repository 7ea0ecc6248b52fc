// One page of each kind.
export const kinds = [
  '/', '/explore/', '/explore/2/', '/kind/language/', '/category/database/', '/entry/nginx/', '/entry/unit/', '/platforms/',
  '/platform/linux-arm64/', '/platform/linux-arm64/lacks/', '/compare/', '/compare/linux-arm64/linux-riscv64/',
  '/changes/', '/changes/2017-09/', '/news/', '/events/', '/calls/', '/method/', '/about/', '/download/', '/404.html',
];
