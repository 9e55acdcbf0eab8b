using System.Text;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace LoraAdmin.Platform.Data;

/// <summary>Enum members as the words that stand in the database: snake_case, so that a person who reads a table understands it.</summary>
internal static class Words<TEnum> where TEnum : struct, Enum
{
    private static readonly Dictionary<TEnum, string> ToText = Enum.GetValues<TEnum>().ToDictionary(value => value, value => Snake(value.ToString()));
    private static readonly Dictionary<string, TEnum> FromText = ToText.ToDictionary(pair => pair.Value, pair => pair.Key);

    public static string Of(TEnum value) => ToText[value];

    /// <exception cref="InvalidOperationException">The database holds a word that this version does not know.</exception>
    public static TEnum Parse(string word) =>
        FromText.TryGetValue(word, out TEnum value)
            ? value
            : throw new InvalidOperationException($"The database holds the word '{word}' where one of {string.Join(", ", FromText.Keys)} is expected.");

    private static string Snake(string name)
    {
        StringBuilder text = new(name.Length + 4);
        foreach (char letter in name)
        {
            if (char.IsUpper(letter) && text.Length > 0)
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }
}

internal sealed class WordConverter<TEnum>() : ValueConverter<TEnum, string>(value => Words<TEnum>.Of(value), word => Words<TEnum>.Parse(word))
    where TEnum : struct, Enum;
