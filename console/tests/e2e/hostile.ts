// Strings that break what is careless.

/** Names and values of attributes. */
export const HOSTILE: readonly string[] = [
  "<img src=x onerror=\"document.title='broken'\">",
  "</script><script>document.title='broken'</script>",
  "'; DROP TABLE orders; --",
  "quotes \" and \\ and ' and `",
  "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
  "NUL \u0000 and \u0007 and \u001b[31m",
  "line\nbreak\r\n\ttab",
  "\ud83d\udc69\u200d\ud83d\ude80\ud83c\udff3\ufe0f\u200d\ud83c\udf08 e\u0301",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: meant as it stands.
  "${7*7} {{7*7}} #{7*7} %s %00",
  "=cmd|' /C calc'!A0",
  "x".repeat(20_000),
  " ",
];

/** Numbers that a double can't hold. */
export const NUMBERS: readonly string[] = [
  "12345678901234567890123456789012345678",
  "-0.00000000000000000000000000000000000001234567890123456789012345678901234567",
  "9999999999999999999999999999999999999900000",
  "9007199254740993",
];
