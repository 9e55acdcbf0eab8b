using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace LoraAdmin.Platform.Data;

/// <summary>One column of a row class, as EF's model has it.</summary>
internal sealed record RowColumn(string Name, IClrPropertyGetter Getter, ValueConverter? Converter)
{
    public static RowColumn Of(IProperty property, StoreObjectIdentifier table) => property.IsShadowProperty()
        ? throw new NotSupportedException($"{property.DeclaringType.DisplayName()} has the shadow property {property.Name}: let EF save it.")
        : new RowColumn(property.GetColumnName(table)!, property.GetGetter(), property.GetTypeMapping().Converter);

    /// <summary>As the driver takes it; null where the row has none.</summary>
    public object? ValueOf(object row)
    {
        object? value = Getter.GetClrValue(row);
        return value is not null && Converter is not null ? Converter.ConvertToProvider(value) : value;
    }
}
