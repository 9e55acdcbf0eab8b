namespace LoraAdmin.Platform;

/// <summary>
/// The arguments as the framework reads them: <c>--Key value</c>, <c>--Key=value</c>, or <c>Key=value</c>. What it would leave out without a word, so that
/// the default counts, is refused.
/// </summary>
internal static class ConfigurationArguments
{
    /// <exception cref="StartupRefusedException">Names the first argument that would not count.</exception>
    public static void Check(IReadOnlyList<string> args)
    {
        ArgumentNullException.ThrowIfNull(args);
        for (int index = 0; index < args.Count; index++)
        {
            string key = KeyOf(args[index]);
            bool isShort = key.StartsWith('-');
            if (args[index].Contains('=') && !isShort)
            {
                continue;
            }

            if (isShort || key == args[index])
            {
                throw new StartupRefusedException(key, "the portal knows no such argument.", "Write --Key value or --Key=value, or remove it.");
            }

            if (key.Any(char.IsWhiteSpace))
            {
                throw new StartupRefusedException(key, "key and value are one argument.", $"Write --{string.Join(' ', key.Split((char[]?)null, 2))} without quotes around both.");
            }

            if (index + 1 == args.Count || args[index + 1].StartsWith("--", StringComparison.Ordinal))
            {
                throw new StartupRefusedException(key, "no value stands behind it.", $"Write --{key} value, or remove it for its default.");
            }

            index++;
        }
    }

    /// <summary>Without its prefix. A single dash is left: the portal has no short names.</summary>
    private static string KeyOf(string argument) => argument switch
    {
        _ when argument.StartsWith("--", StringComparison.Ordinal) => argument[2..],
        _ when argument.StartsWith('/') => argument[1..],
        _ => argument,
    };
}
