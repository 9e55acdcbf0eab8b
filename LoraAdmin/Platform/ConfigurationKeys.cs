using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace LoraAdmin.Platform;

/// <summary>
/// Which keys the portal knows, read from its options' classes. What stands in a settings file or on the command line and is none of them is a
/// mistake; of the environment, which is shared with whatever else runs there, only <c>ConnectionStrings</c> is judged here. Keys of a known section
/// are judged wherever they come from when the section is bound.
/// </summary>
internal static class ConfigurationKeys
{
    private const string Connections = "ConnectionStrings";

    private static readonly string[] ConnectionNames = ["Database", "Redis"];

    /// <summary>What the framework itself reads, each as deep as it goes.</summary>
    private static readonly HashSet<string> OfTheFramework = new(StringComparer.OrdinalIgnoreCase)
    {
        "Logging", "AllowedHosts", "Kestrel", "urls", "http_ports", "https_ports", "https_port", "preferHostingUrls", "environment", "applicationName",
        "contentRoot", "webroot", "detailedErrors", "captureStartupErrors", "suppressStatusMessages", "shutdownTimeoutSeconds", "startupAssembly",
        "hostingStartupAssemblies", "hostingStartupExcludeAssemblies", "preventHostingStartup", "forwardedHeaders_enabled", "staticWebAssets",
        "hostBuilder", "$schema",
    };

    /// <summary>Every options class of the portal by its section.</summary>
    private static readonly Dictionary<string, Type> Sections = typeof(ConfigurationKeys).Assembly.GetTypes()
        .Where(type => type.Name.EndsWith("Options", StringComparison.Ordinal))
        .Select(type => (Type: type, Section: SectionOf(type)))
        .Where(found => found.Section is not null)
        .ToDictionary(found => found.Section!, found => found.Type, StringComparer.OrdinalIgnoreCase);

    /// <exception cref="StartupRefusedException">Names every unknown key and the known one that is nearest to it.</exception>
    public static void Check(IConfigurationRoot configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        string[] unknown =
        [
            .. configuration.Providers.SelectMany(Keys).Where(key => !IsKnown(key)).Distinct(StringComparer.OrdinalIgnoreCase)
                .Order(StringComparer.OrdinalIgnoreCase),
        ];
        if (unknown.Length > 0)
        {
            throw Refusal(unknown);
        }
    }

    /// <summary>One screen for all of them.</summary>
    public static StartupRefusedException Refusal(IReadOnlyList<string> unknown) => new(
        string.Join(", ", unknown),
        unknown.Count == 1 ? "the portal knows no such key." : "the portal knows no such keys.",
        $"Nearest known: {string.Join(", ", unknown.Select(Nearest).Distinct())}. Correct the spelling or remove it.");

    /// <summary>The section that an options class is bound to.</summary>
    public static string? SectionOf(Type? options) =>
        options?.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue() as string;

    private static bool IsKnown(string key)
    {
        string[] parts = key.Split(ConfigurationPath.KeyDelimiter);
        if (OfTheFramework.Contains(parts[0]))
        {
            return true;
        }

        if (parts[0].Equals(Connections, StringComparison.OrdinalIgnoreCase))
        {
            return parts.Length <= 2 && (parts.Length == 1 || ConnectionNames.Contains(parts[1], StringComparer.OrdinalIgnoreCase));
        }

        return Sections.TryGetValue(parts[0], out Type? options)
            && (parts.Length == 1 || (Settable(options, parts[1]) is { } property && (parts.Length == 2 || IsList(property.PropertyType))));
    }

    private static string Nearest(string key)
    {
        string[] parts = key.Split(ConfigurationPath.KeyDelimiter);
        if (parts.Length == 1 || !(Sections.ContainsKey(parts[0]) || parts[0].Equals(Connections, StringComparison.OrdinalIgnoreCase)))
        {
            return Closest(parts[0], [.. Sections.Keys, Connections, .. OfTheFramework]);
        }

        string section = Closest(parts[0], [.. Sections.Keys, Connections]);
        IEnumerable<string> names = section == Connections
            ? ConnectionNames
            : Sections[section].GetProperties().Where(property => IsSettable(property)).Select(property => property.Name);
        return ConfigurationPath.Combine(section, Closest(parts[1], names));
    }

    private static string Closest(string word, IEnumerable<string> known) => known.MinBy(candidate => Distance(word, candidate))!;

    /// <summary>How many letters to add, drop or change make one word of the other, whatever their case.</summary>
    private static int Distance(string from, string to)
    {
        int[] before = [.. Enumerable.Range(0, to.Length + 1)];
        for (int row = 1; row <= from.Length; row++)
        {
            int[] now = new int[to.Length + 1];
            now[0] = row;
            for (int column = 1; column <= to.Length; column++)
            {
                int change = char.ToUpperInvariant(from[row - 1]) == char.ToUpperInvariant(to[column - 1]) ? 0 : 1;
                now[column] = Math.Min(Math.Min(now[column - 1], before[column]) + 1, before[column - 1] + change);
            }

            before = now;
        }

        return before[^1];
    }

    private static IEnumerable<string> Keys(IConfigurationProvider provider) => provider switch
    {
        JsonConfigurationProvider or CommandLineConfigurationProvider => Below(provider, parent: null),
        EnvironmentVariablesConfigurationProvider => Below(provider, Connections).Where(IsWritten),
        _ => [],
    };

    private static IEnumerable<string> Below(IConfigurationProvider provider, string? parent)
    {
        foreach (string child in provider.GetChildKeys([], parent).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            string key = parent is null ? child : ConfigurationPath.Combine(parent, child);
            string[] deeper = [.. Below(provider, key)];
            foreach (string found in deeper.Length == 0 ? [key] : deeper)
            {
                yield return found;
            }
        }
    }

    /// <summary>Whether a variable of the environment says the key as such: cloud platforms give others (<c>SQLCONNSTR_…</c>) that end up beside it.</summary>
    private static bool IsWritten(string key) => Environment.GetEnvironmentVariables().Keys.Cast<string>().Any(variable =>
        variable.Replace("__", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal).Equals(key, StringComparison.OrdinalIgnoreCase));

    private static PropertyInfo? Settable(Type options, string name) =>
        options.GetProperties().FirstOrDefault(property => IsSettable(property) && property.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static bool IsSettable(PropertyInfo property) => property.SetMethod is { IsPublic: true } || IsList(property.PropertyType);

    private static bool IsList(Type type) => type != typeof(string) && typeof(IEnumerable).IsAssignableFrom(type);
}
