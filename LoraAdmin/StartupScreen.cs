using System.Net.Sockets;
using System.Text.RegularExpressions;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace LoraAdmin;

/// <summary>One screen instead of a stack trace when the portal can't start as it is configured: which key, what is wrong, what to do.</summary>
public static partial class StartupScreen
{
    public static bool Explains(Exception failure) => Lines(failure).Count > 0;

    public static async Task WriteAsync(Exception failure, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        await output.WriteLineAsync($"{Environment.NewLine}LoraAdmin can't start.");
        foreach (string line in Lines(failure))
        {
            await output.WriteLineAsync($"  {line}");
        }

        await output.WriteLineAsync("Keys can be set in appsettings.json, as environment variables (Training__MaxDuration), or as arguments (--Training:MaxDuration 02:00:00).");
    }

    private static List<string> Lines(Exception failure) => failure switch
    {
        StartupRefusedException refused => [.. Refusal(refused)],
        OptionsValidationException options => [.. options.Failures],
        AggregateException several when several.InnerExceptions.All(Explains) => [.. several.InnerExceptions.SelectMany(Lines)],
        InvalidOperationException { Message: { } words } when UnknownKeys(words) is { Count: > 0 } keys =>
            [.. Refusal(ConfigurationKeys.Refusal(keys))],
        InvalidOperationException unread when UnreadableValue(unread) is { } lines => lines,
        InvalidOperationException { Message: { } words } when words.StartsWith("ConnectionStrings:", StringComparison.Ordinal) => [words],
        InvalidDataException { InnerException: FormatException or System.Text.Json.JsonException } broken => [$"appsettings.json can't be read: {broken.InnerException!.Message}", "Correct the file."],
        IOException { InnerException: AddressInUseException or SocketException } taken => [$"urls: {taken.Message}", "End what listens there, or start with --urls http://localhost:5081."],
        StoreUnavailableException away => [$"ConnectionStrings:Database: {away.Message}", "Start the database or correct the connection string."],
        FormatException { Message: { } words } when words.Contains("URL", StringComparison.OrdinalIgnoreCase) => [$"urls: {words}", "Write http://host:port."],
        _ => [],
    };

    private static IEnumerable<string> Refusal(StartupRefusedException refused)
    {
        yield return refused.Key.Length > 0 ? $"{refused.Key}: {refused.Problem}" : refused.Problem;
        yield return refused.Remedy;
    }

    /// <summary>
    /// The binder names keys that no option has only in its message: <c>… on the instance of LoraAdmin.Training.TrainingOptions: 'A', 'B'</c>. The
    /// section stands in the type.
    /// </summary>
    private static List<string> UnknownKeys(string message)
    {
        Match found = UnknownKeysMessage().Match(message);
        if (!found.Success)
        {
            return [];
        }

        Type? options = typeof(StartupScreen).Assembly.GetType(found.Groups["type"].Value);
        string? section = ConfigurationKeys.SectionOf(options);
        return [.. found.Groups["key"].Captures.Select(key => section is null ? key.Value : $"{section}:{key.Value}")];
    }

    /// <summary>
    /// A value that can't be converted: <c>Failed to convert configuration value 'x' at 'Key' to type 'System.Int32'</c>, for entries of lists as the
    /// cause of another failure.
    /// </summary>
    private static List<string>? UnreadableValue(Exception failure)
    {
        for (Exception? cause = failure; cause is not null; cause = cause.InnerException)
        {
            Match found = UnreadableValueMessage().Match(cause.Message);
            if (found.Success)
            {
                return [$"{found.Groups["key"].Value} can't be read: \"{found.Groups["value"].Value}\".", FormOf(found.Groups["type"].Value)];
            }
        }

        return null;
    }

    private static string FormOf(string type) => type switch
    {
        _ when type.Contains("TimeSpan", StringComparison.Ordinal) => "Write a duration as hours:minutes:seconds, such as 00:30:00, or days.hours:minutes:seconds.",
        _ when type.Contains("Boolean", StringComparison.Ordinal) => "Write true or false.",
        _ when type.Contains("Int", StringComparison.Ordinal) => "Write a whole number in digits, without unit.",
        _ when type.Contains("Decimal", StringComparison.Ordinal) || type.Contains("Double", StringComparison.Ordinal) =>
            "Write a number such as 0.5, with a point and without unit.",
        _ => "Write it in the form that README.md shows, or remove the key for its default.",
    };

    [GeneratedRegex(
        "configuration value '(?<value>.*)' at '(?<key>[^']*)' to type '(?<type>[^']*)'", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex UnreadableValueMessage();

    [GeneratedRegex(@"ErrorOnUnknownConfiguration.* (?<type>[\w.+]+): ('(?<key>[^']*)'(, )?)+", RegexOptions.CultureInvariant)]
    private static partial Regex UnknownKeysMessage();
}
